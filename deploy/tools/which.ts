/** Message of the image when it is started without a command. */
import { DEFINITIONS } from '../local/network/definitions.js';

const services = DEFINITIONS.map(({ name }) => `  node dist/services/${name}/src/main.js`);
const steps = ['provision', 'migrate', 'topics'].map((name) => `  node dist/deploy/tools/${name}.js`);
process.stderr.write(
  `Say what this container is.\n\nServices:\n${services.join('\n')}\n\nSteps of a deployment, in this order:\n${steps.join('\n')}\n`,
);
process.exitCode = 64;
