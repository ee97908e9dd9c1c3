import type { Migration } from '#libs/postgres';
import { coreTables } from './0001-core-tables.js';
import { coreFunctions } from './0002-core-functions.js';
import { accrual } from './0003-accrual.js';
import { redemption } from './0004-redemption.js';
import { reversal } from './0005-reversal.js';
import { dueWork } from './0006-due.js';
import { auditChain } from './0007-seal.js';
import { contractTerms } from './0008-terms.js';
import { readerKey } from './0009-reader-key.js';
import { features } from './0010-features.js';
import { rewards } from './0011-rewards.js';
import { drawOrder } from './0012-draw-order.js';
import { transfers } from './0013-transfers.js';
import { answers } from './0014-answers.js';
import { traces } from './0015-traces.js';
import { operatorAudit } from './0016-operator-audit.js';

export const migrations: readonly Migration[] = [
  coreTables,
  coreFunctions,
  accrual,
  redemption,
  reversal,
  dueWork,
  auditChain,
  contractTerms,
  readerKey,
  features,
  rewards,
  drawOrder,
  transfers,
  answers,
  traces,
  operatorAudit,
];
