import { Injectable } from '@nestjs/common';
import { uuidFromDigest } from '#libs/kernel';
import { ReaderKey } from '#libs/postgres';
import { ownKey } from '../entries/reading.js';
import type { Line } from '../entries/line.js';
import type { Party } from '../parties/party.js';

/** What each reader knows lines and totals by, and what blinds the legs of its totals: no two readers share any of it. */
@Injectable()
export class ReaderIdsService {
  constructor(private readonly key: ReaderKey) {}

  /** The UUID by which a party knows what it reads in full, or nobody does. */
  ofLine(line: Line, reader: Party | null): string {
    return this.of(reader ?? '', ownKey(line, reader));
  }

  /** The UUID by which a party knows a thing. */
  of(reader: Party, thing: string): string {
    return uuidFromDigest(this.key.of(`id|${reader}|${thing}`));
  }

  /** What blinds the leaf of a line in a reader's totals: without it nobody can guess a leaf and try it against a root. */
  salt(reader: Party, lineId: string): string {
    return this.key.of(`leaf|${reader}|${lineId}`).toString('hex');
  }
}
