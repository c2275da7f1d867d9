import { expect, it } from 'vitest';
import { Frames } from '../../src/player/frames';

const FRAME = 1 / 15;

/** A video that stands, whose seeks and frames come when the test says. */
class Video extends EventTarget {
  paused = true;
  seeking = false;
  currentTime = 0;
  #waiting: VideoFrameRequestCallback[] = [];

  requestVideoFrameCallback(callback: VideoFrameRequestCallback): number {
    return this.#waiting.push(callback);
  }

  seek(time: number): void {
    Object.assign(this, { currentTime: time, seeking: true });
    this.dispatchEvent(new Event('seeking'));
  }

  /** A frame is on the screen: everybody who waits for one is told of it. */
  present(mediaTime: number): void {
    for (const callback of this.#waiting.splice(0)) callback(0, { mediaTime } as VideoFrameCallbackMetadata);
  }
}

it('who steps on before the last step is on the screen goes on from his own', () => {
  const video = new Video();
  const frames = new Frames(video as unknown as HTMLVideoElement);
  const step = () => {
    video.seek(frames.next(1, FRAME));
    frames.note();
  };
  step();
  video.seeking = false;
  step();
  // The first step's frame comes now, when the second is under way already.
  video.present(FRAME);
  video.seeking = false;
  video.present(2 * FRAME);
  expect(frames.time).toBe(2 * FRAME);
  step();
  expect(Math.floor(video.currentTime / FRAME)).toBe(3);
});
