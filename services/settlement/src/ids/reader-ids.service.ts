import { Injectable } from '@nestjs/common';
import { uuidFromDigest } from '#libs/kernel';
import { ReaderKey } from '#libs/postgres';
import type { Line } from '../entries/line.js';
import { ownKey, readerOf } from '../entries/reading.js';
import type { StoredLine } from '../lines/own-line.js';
import type { Party } from '../parties/party.js';

/** Derives ids of lines and totals per reader, and the salts of the legs in totals. No two readers share any of them. */
@Injectable()
export class ReaderIdsService {
  constructor(private readonly key: ReaderKey) {}

  /** The UUID of a line for its reader in full, or for no reader. */
  ofLine(line: Line, reader: Party | null): string {
    return this.of(reader ?? '', ownKey(line, reader));
  }

  /** Whether a line says what it was written with, and its reader and own id follow from the rest of it. */
  fits({ line, asWritten }: StoredLine): boolean {
    return asWritten && line.reader === readerOf(line) && line.ownId === this.ofLine(line, line.reader);
  }

  of(reader: Party, thing: string): string {
    return uuidFromDigest(this.key.of(`id|${reader}|${thing}`));
  }

  /** The salt of a line's leaf in a reader's totals. Without it nobody can guess a leaf and test it against a root. */
  salt(reader: Party, lineId: string): string {
    return this.key.of(`leaf|${reader}|${lineId}`).toString('hex');
  }
}
