import { run } from '#libs/http';
import { identity } from './index.js';

run(identity);
