import { run } from '#libs/http';
import { gateway } from './index.js';

run(gateway);
