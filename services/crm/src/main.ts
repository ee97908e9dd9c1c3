import { run } from '#libs/http';
import { crm } from './index.js';

run(crm);
