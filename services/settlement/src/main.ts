import { run } from '#libs/http';
import { settlement } from './index.js';

run(settlement);
