/** `npm run compose:env` */
import { join } from 'node:path';
import { projectRoot } from '../local/network/root.js';
import { writeComposeEnv } from './compose-env.js';

const file = join(projectRoot(), '.hezong/compose.env');
const added = writeComposeEnv(file);
console.log(
  `${file}: ${added.length === 0 ? 'has every secret already' : `${added.length} secrets drawn`}\n\n  docker compose --env-file .hezong/compose.env up -d --build`,
);
