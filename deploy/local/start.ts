/** `npm start`. Checks the Node version before it loads anything that would fail on an old version with an unclear message. */
const WANTED: readonly [number, number] = [20, 19];
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < WANTED[0] || (major === WANTED[0] && minor < WANTED[1])) {
  console.error(`Hezong needs Node ${WANTED.join('.')} or later; this is ${process.version}.`);
  process.exit(1);
}
const { main } = await import('./network/main.js');
await main();
