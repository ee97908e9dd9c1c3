import { run } from '#libs/http';
import { ledger } from './index.js';

run(ledger);
