import type { AnyServiceDefinition } from '#libs/http';
import { crm } from '../../../services/crm/src/index.js';
import { gateway } from '../../../services/gateway/src/index.js';
import { identity } from '../../../services/identity/src/index.js';
import { ledger } from '../../../services/ledger/src/index.js';
import { membership } from '../../../services/membership/src/index.js';
import { partners } from '../../../services/partners/src/index.js';
import { referrals } from '../../../services/referrals/src/index.js';
import { settlement } from '../../../services/settlement/src/index.js';

/** All services of the network in the order in which they start: the gateway opens the door when the others are up. */
export const DEFINITIONS: readonly AnyServiceDefinition[] = [partners, identity, crm, ledger, settlement, membership, referrals, gateway];
