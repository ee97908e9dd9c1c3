import { vaultTables } from './0001-vault.js';
import { memberTables } from './0002-members.js';
import { vaultFunctions } from './0003-vault-functions.js';
import { contributeFunction } from './0004-contribute.js';

export const migrations = [vaultTables, memberTables, vaultFunctions, contributeFunction];
