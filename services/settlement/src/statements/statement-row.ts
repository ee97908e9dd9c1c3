import { formatInstant, idFromUuid, pointsToJson, exactSum } from '#libs/kernel';
import type { DayTotal } from '../days/day-total.js';
import { isFee, isRedemption } from '../entries/line.js';
import type { LineType } from '../entries/line.js';
import type { OwnLine } from '../lines/own-line.js';
import { isBrand, OPERATOR, partyName } from '../parties/party.js';
import type { Party } from '../parties/party.js';
import { microToText } from './money.js';

/** Stands for another brand where a single line or a day must not reveal which one. */
const ALLIANCE = 'alliance';

/** A row of a statement on the wire: one of the reader's own lines, or a total of a day. Its memberRef is added on the wire only. */
export interface LineDocument {
  readonly id: string;
  readonly type: LineType;
  readonly originalLine?: string | null;
  readonly day: string;
  readonly occurredAt?: string;
  readonly postedAt?: string;
  readonly payer: string;
  readonly payee: string;
  readonly redeemer?: string;
  readonly seller?: string;
  readonly store?: string | null;
  readonly count?: number;
  readonly points: number | bigint;
  readonly price: string;
  readonly amount: string;
  readonly currency: string;
  readonly reference?: string | null;
  readonly root?: string;
}

export interface StatementRow {
  readonly document: LineDocument;
  readonly points: bigint;
  readonly amountMicro: bigint;
  readonly pays: boolean;
  readonly receives: boolean;
  readonly fee: boolean;
}

/** A party as a brand may read it. */
function named(party: Party, reader: Party): string {
  return party === reader || !isBrand(party) ? partyName(party) : ALLIANCE;
}

/** Row of a line that the reader reads in full: its own reference, store and time. Another brand is only shown as the alliance. */
export function ownRow(line: OwnLine, originalId: string | null): StatementRow {
  const { type, reader, payer, payee } = line;
  return {
    document: {
      id: idFromUuid('ln', line.ownId),
      type,
      originalLine: originalId === null ? null : idFromUuid('ln', originalId),
      day: line.day,
      occurredAt: formatInstant(line.occurredAt),
      postedAt: formatInstant(line.postedAt),
      payer: isRedemption(type) && payer !== reader ? ALLIANCE : named(payer, reader),
      payee: named(payee, reader),
      store: line.store,
      points: exactSum(line.points),
      price: microToText(line.priceMicro),
      amount: microToText(line.amountMicro),
      currency: line.currency,
      reference: line.reference,
    },
    points: line.points,
    amountMicro: line.amountMicro,
    pays: payer === reader,
    receives: payee === reader,
    fee: isFee(type),
  };
}

/** Row of a total of lines that concern other brands: a sum, the seller or redeemer, the number of legs, and a root over them. */
export function totalRow(total: DayTotal, id: string, currency: string): StatementRow {
  const { type, reader, payer, redeemer } = total;
  const commission = /^(contributor|referral)/.test(type);
  return {
    document: {
      id: idFromUuid('ln', id),
      type,
      day: total.day,
      payer: named(payer, reader),
      payee: commission ? partyName(reader) : isRedemption(type) ? ALLIANCE : partyName(OPERATOR),
      ...(redeemer === null ? {} : { redeemer: partyName(redeemer) }),
      ...(commission ? { seller: partyName(payer) } : {}),
      count: pointsToJson(total.legs),
      points: exactSum(total.points),
      price: microToText(total.priceMicro),
      amount: microToText(total.amountMicro),
      currency,
      root: total.root,
    },
    points: total.points,
    amountMicro: total.amountMicro,
    pays: payer === reader,
    receives: commission,
    fee: isFee(type),
  };
}
