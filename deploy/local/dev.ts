/** `npm run dev`: a network whose services restart when their source changes. */
import { Threads } from './dev/threads.js';
import { watch } from './dev/watch.js';
import { DEFINITIONS, FOLLOWERS } from './network/definitions.js';
import { main } from './network/main.js';
import { projectRoot } from './network/root.js';

const services = DEFINITIONS.map(({ name }) => name);
const groups = [false, true].map((follows) => services.filter((name) => FOLLOWERS.has(name) === follows));
const print = (text: string): void => console.log(text);
const threads = new Threads(groups, (error) => print(`\n  ✗ a service failed: ${error.stack ?? error.message}\n`));

await main({
  host: threads,
  ready: () => {
    watch({ root: projectRoot(), services, restart: (names) => threads.restart(names), print });
    print('  A saved source is compiled, and the services that use it restart. Ctrl-C stops all.\n');
  },
});
