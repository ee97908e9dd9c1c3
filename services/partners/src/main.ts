import { run } from '#libs/http';
import { partners } from './index.js';

run(partners);
