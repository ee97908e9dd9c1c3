import { run } from '#libs/http';
import { membership } from './index.js';

run(membership);
