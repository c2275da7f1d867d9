// Access units of one place held against those of another, each told by its hash.

/** How many access units of `wanted` are not in `found`, how many are there twice; and whether they stand in the same order. */
export function held(wanted, found) {
  const places = new Map();
  found.forEach(({ hash }, place) => places.set(hash, [...(places.get(hash) ?? []), place]));
  const lacking = wanted.filter(({ hash }) => !places.has(hash));
  const doubled = [...places.values()].filter((all) => all.length > 1).length;
  const order = wanted.flatMap(({ hash }) => places.get(hash) ?? []);
  return { missing: lacking.length, firstMissing: lacking[0] && `the first at ${(lacking[0].pts / 1000).toFixed(2)} s`, doubled, inOrder: order.every((place, index) => index === 0 || place > order[index - 1]) };
}

/**
 * How far sound was moved against picture, at least and at most, between how it was sent and how it came out: in milliseconds. Where the
 * feed was away both begin anew, so that each stretch is seen by itself.
 */
export function offsets(sent, found) {
  const times = { v: new Map(sent.v.map(({ hash, pts }) => [hash, pts])), a: new Map(sent.a.map(({ hash, pts }) => [hash, pts])) };
  const shifts = (track) => found[track].filter(({ hash }) => times[track].has(hash)).map(({ hash, pts }) => ({ at: times[track].get(hash), shift: pts - times[track].get(hash) }));
  const [video, audio] = [shifts('v'), shifts('a')];
  const all = [];
  let near = 0;
  for (const { at, shift } of audio) {
    while (near + 1 < video.length && Math.abs(video[near + 1].at - at) <= Math.abs(video[near].at - at)) near += 1;
    // A sound without a picture beside it, at the edge of an outage, tells nothing.
    if (video.length > 0 && Math.abs(video[near].at - at) <= 50) all.push(shift - video[near].shift);
  }
  return { least: Math.min(0, ...all), most: Math.max(0, ...all), count: all.length };
}
