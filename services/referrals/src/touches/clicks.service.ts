import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { parse, stringify } from 'uuid';
import { ReaderKey } from '#libs/postgres';

export interface Click {
  readonly linkId: string;
  readonly at: Date;
}

/** 48 bytes: nonce, link, seconds since 1970, tag. */
const CLICK = /^tc_([\w-]{64})$/;
const NONCE = 12;
const LINK = 16;
const TAG = 16;

/**
 * Ids of anonymous clicks. An id contains the link and the time, so an order can name it years later and nothing needs to be
 * stored. Only the network can open it: the seller receives it, and the link's id and time would reveal the promoter.
 */
@Injectable()
export class ClicksService {
  constructor(private readonly key: ReaderKey) {}

  /** `tc_` and 64 letters of base64url, different each time (AES-256-GCM). The time is rounded down to seconds. */
  idOf({ linkId, at }: Click): string {
    const said = Buffer.alloc(LINK + 4);
    said.set(parse(linkId));
    said.writeUInt32BE(Math.floor(at.getTime() / 1_000), LINK);
    const nonce = randomBytes(NONCE);
    const cipher = createCipheriv('aes-256-gcm', this.secret(), nonce);
    const sealed = Buffer.concat([nonce, cipher.update(said), cipher.final(), cipher.getAuthTag()]);
    return `tc_${sealed.toString('base64url')}`;
  }

  /** Opens the id of a click; null if the network did not issue it. */
  of(id: string): Click | null {
    const text = CLICK.exec(id)?.[1];
    if (text === undefined) return null;
    const sealed = Buffer.from(text, 'base64url');
    const decipher = createDecipheriv('aes-256-gcm', this.secret(), sealed.subarray(0, NONCE), { authTagLength: TAG });
    decipher.setAuthTag(sealed.subarray(-TAG));
    const said = decipher.update(sealed.subarray(NONCE, -TAG));
    try {
      decipher.final();
    } catch {
      return null;
    }
    return { linkId: stringify(said, 0), at: new Date(said.readUInt32BE(LINK) * 1_000) };
  }

  private secret(): Buffer {
    return this.key.derived('hezong clicks');
  }
}
