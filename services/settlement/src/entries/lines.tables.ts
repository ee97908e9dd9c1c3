import {
  bigint,
  bytea,
  date,
  defineTable,
  filled,
  integer,
  key,
  numeric,
  orNull,
  text,
  timestamptz,
  uuid,
} from '#libs/postgres';
import type { InsertOf, RowOf } from '#libs/postgres';
import type { Party } from '../parties/party.js';
import type { FiledLine, LineType } from './line.js';
import { fundersOf, fundersText } from './posting-fact.js';

export const LINES = defineTable('line', {
  id: key(uuid()),
  cycle: key(text()),
  day: date(),
  reader: orNull(text<Party>()),
  ownId: uuid(),
  type: text<LineType>(),
  postingId: text(),
  lotId: text(),
  originalLineId: orNull(uuid()),
  originalPostingId: orNull(text()),
  walletId: text(),
  actor: text(),
  actorMemberRef: text(),
  occurredAt: timestamptz(),
  postedAt: timestamptz(),
  payer: text<Party>(),
  payee: text<Party>(),
  issuer: text<Party>(),
  redeemer: orNull(text<Party>()),
  store: orNull(text()),
  asset: orNull(text()),
  points: bigint(),
  priceMicro: bigint(),
  fixedMicro: numeric(),
  amountMicro: filled(orNull(numeric())),
  currency: text(),
  reference: orNull(text()),
  issuerContract: orNull(integer()),
  redeemerContract: orNull(integer()),
  fundingMode: orNull(text()),
  funders: orNull(text()),
  campaign: orNull(text()),
  earnedAt: orNull(timestamptz()),
  expiresAt: orNull(timestamptz()),
  digest: filled(bytea()),
});

/** SQL of the digest of a line, over all that it says now. */
export const LINE_DIGEST = LINES.contentSql;

export function rowOf(line: FiledLine): InsertOf<typeof LINES> {
  const { stamps } = line;
  return {
    ...line,
    issuerContract: stamps?.issuerContract ?? null,
    redeemerContract: stamps?.redeemerContract ?? null,
    fundingMode: stamps?.fundingMode ?? null,
    funders: stamps === null ? null : fundersText(stamps.funders),
    campaign: stamps?.campaign ?? null,
    earnedAt: stamps?.earnedAt ?? null,
    expiresAt: stamps?.expiresAt ?? null,
  };
}

export function lineOf(row: RowOf<typeof LINES>): FiledLine {
  const { issuerContract, redeemerContract, fundingMode, funders, campaign, earnedAt, expiresAt, ...line } = row;
  const unstamped = issuerContract === null || fundingMode === null || funders === null || earnedAt === null;
  return {
    ...line,
    stamps: unstamped
      ? null
      : { issuerContract, redeemerContract, fundingMode, funders: fundersOf(funders), campaign, earnedAt, expiresAt },
  };
}
