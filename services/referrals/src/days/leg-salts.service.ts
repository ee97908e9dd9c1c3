import { Injectable } from '@nestjs/common';
import { ReaderKey } from '#libs/postgres';

/**
 * Salts that blind legs. Without the salt nobody can guess a leg and test it against a root. A seller sees the salts of its own
 * legs.
 */
@Injectable()
export class LegSaltsService {
  constructor(private readonly key: ReaderKey) {}

  of(reader: string, legId: string): string {
    return this.key.of(`leg|${reader}|${legId}`).toString('hex');
  }
}
