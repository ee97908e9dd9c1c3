import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto';
import type { Cipher, Decipher } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { appendOnlySql } from './tables.js';

/** SQL of the key of {@link ReaderKey}: created once, by the database, and never changed. */
export function readerKeySql(): string {
  return `
    create table reader_key (
      one boolean primary key default true check (one),
      key bytea not null check (octet_length(key) = 32)
    );
    insert into reader_key (key) select sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
    ${appendOnlySql('reader_key')}
  `;
}

/**
 * Masks ids and texts differently for each reader, with a keyed function: no two readers get the same value, and none can derive another's.
 * The key is stored with the books: after a restore from backup the masked values stay the same, and there is no secret to deploy.
 */
@Injectable()
export class ReaderKey implements OnModuleInit {
  private key: Buffer | undefined;
  private masks: { on: Cipher; off: Decipher } | undefined;

  constructor(private readonly dataSource: DataSource) {}

  async onModuleInit(): Promise<void> {
    const rows: { key: Buffer }[] = await this.dataSource.query('select key from reader_key');
    this.key = rows[0]?.key;
  }

  /** HMAC-SHA-256 of a text. */
  of(text: string): Buffer {
    return createHmac('sha256', this.read()).update(text).digest();
  }

  /** A key of 32 bytes for one purpose (HKDF-SHA-256). */
  derived(purpose: string): Buffer {
    return Buffer.from(hkdfSync('sha256', this.read(), '', purpose, 32));
  }

  /** Replaces a UUID by another, one to one: the result reveals neither its time nor its neighbours. */
  masked(uuid: string): string {
    return block(this.uuidMasks().on, uuid);
  }

  /** The UUID that {@link masked} replaced. */
  unmasked(uuid: string): string {
    return block(this.uuidMasks().off, uuid);
  }

  /** Kept, because to make a cipher takes ten times as long as to use it. */
  private uuidMasks(): { on: Cipher; off: Decipher } {
    if (this.masks !== undefined) return this.masks;
    const key = this.derived('uuids');
    const on = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false);
    const off = createDecipheriv('aes-256-ecb', key, null).setAutoPadding(false);
    return (this.masks = { on, off });
  }

  private read(): Buffer {
    if (this.key === undefined) throw new Error('the key of readers was not read');
    return this.key;
  }
}

const HEX_OF_UUID = /^[0-9a-f]{32}$/i;

/**
 * A UUID is one cipher block, so the cipher alone is a permutation of UUIDs. In this mode blocks do not depend on each other.
 * @throws Error if the text is not a UUID: a part of a block would stay in the cipher and spoil the next one
 */
function block(cipher: Cipher | Decipher, uuid: string): string {
  const hex = uuid.replaceAll('-', '');
  if (!HEX_OF_UUID.test(hex)) throw new Error(`${uuid} is not a UUID`);
  const out = cipher.update(hex, 'hex').toString('hex');
  return `${out.slice(0, 8)}-${out.slice(8, 12)}-${out.slice(12, 16)}-${out.slice(16, 20)}-${out.slice(20)}`;
}
