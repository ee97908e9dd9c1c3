import { Injectable } from '@nestjs/common';
import { ReaderKey } from '#libs/postgres';

/** What blinds legs: without it nobody can guess a leg and try it against a root. A seller is shown that of its own legs. */
@Injectable()
export class LegSaltsService {
  constructor(private readonly key: ReaderKey) {}

  of(reader: string, legId: string): string {
    return this.key.of(`leg|${reader}|${legId}`).toString('hex');
  }
}
