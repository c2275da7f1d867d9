/** The light build has the same interface; hls.js declares it for its full one only. */
declare module 'hls.js/light' {
  export * from 'hls.js';
  export { default } from 'hls.js';
}
