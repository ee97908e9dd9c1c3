import { run } from '#libs/http';
import { referrals } from './index.js';

run(referrals);
