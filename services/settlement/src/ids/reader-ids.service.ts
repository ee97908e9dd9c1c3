import { createHmac } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { uuidFromDigest } from '#libs/kernel';
import { ownKey } from '../entries/reading.js';
import type { Line } from '../entries/line.js';
import type { Party } from '../parties/party.js';

/**
 * What each reader knows lines and totals by: a keyed function of the thing and the reader, so that no two readers share an id and none
 * can work out another's. The key is made once and stays with the books (see the migration): a restored backup still gives the ids and
 * roots that went out, and there is no secret to deploy.
 */
@Injectable()
export class ReaderIds implements OnModuleInit {
  private key: Buffer | undefined;

  constructor(private readonly dataSource: DataSource) {}

  async onModuleInit(): Promise<void> {
    const rows: { key: Buffer }[] = await this.dataSource.query('select key from reader_key');
    this.key = rows[0]?.key;
  }

  /** The UUID by which a party knows what it reads in full, or nobody does. */
  ofLine(line: Line, reader: Party | null): string {
    return this.of(reader ?? '', ownKey(line, reader));
  }

  /** The UUID by which a party knows a thing. */
  of(reader: Party, thing: string): string {
    return uuidFromDigest(this.hmac(`id|${reader}|${thing}`).digest());
  }

  /** What blinds the leaf of a line: without it nobody can guess a leaf and try it against a root. */
  salt(lineId: string): string {
    return this.hmac(`leaf|${lineId}`).digest('hex');
  }

  private hmac(text: string): ReturnType<typeof createHmac> {
    if (this.key === undefined) throw new Error('the key of readers’ ids was not read');
    return createHmac('sha256', this.key).update(text);
  }
}
