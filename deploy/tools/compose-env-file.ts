/** `npm run compose:env` */
import { join } from 'node:path';
import { projectRoot } from '../local/network/root.js';
import { writeComposeEnv } from './compose-env.js';

const file = join(projectRoot(), '.hezong/compose.env');
const added = writeComposeEnv(file);
console.log(
  `${file}: ${added.length === 0 ? 'already has every secret' : `${added.length} secrets generated`}\n\n  docker compose --env-file .hezong/compose.env up -d --build`,
);
