import { timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { idFromUuid, uuidFromId } from '#libs/kernel';
import { ReaderKey } from '#libs/postgres';

/** What a click says: which link was followed, and when. */
export interface Click {
  readonly linkId: string;
  readonly at: Date;
}

const CLICK = /^tc_([0-9A-Z]{26})([0-9A-Z]{9})([0-9A-F]{20})$/;

/**
 * The id of a click of nobody known: it says itself which link was followed and when, under the network's seal, so that an order can
 * name it years later and nothing has to be stored for it.
 */
@Injectable()
export class Clicks {
  constructor(private readonly key: ReaderKey) {}

  /** `tc_`, the link, the time in milliseconds to base 36, and the seal. */
  idOf({ linkId, at }: Click): string {
    const link = idFromUuid('lk', linkId).slice('lk_'.length);
    const time = at.getTime().toString(36).toUpperCase().padStart(9, '0');
    return `tc_${link}${time}${this.seal(link, time)}`;
  }

  /** The click of an id, or null when it is none of ours. */
  of(id: string): Click | null {
    const [, link = '', time = '', seal = ''] = CLICK.exec(id) ?? [];
    const linkId = uuidFromId('lk', `lk_${link}`);
    if (linkId === null || !timingSafeEqual(Buffer.from(seal), Buffer.from(this.seal(link, time)))) return null;
    return { linkId, at: new Date(Number.parseInt(time, 36)) };
  }

  private seal(link: string, time: string): string {
    return this.key.of(`click|${link}|${time}`).toString('hex').slice(0, 20).toUpperCase();
  }
}
