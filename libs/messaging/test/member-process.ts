/** A member as its own process, to be killed. Argument: its options as JSON with `hangAt`: the event that is never finished. */
import { setTimeout as sleep } from 'node:timers/promises';
import 'reflect-metadata';
import { CycleChangedSchema } from '#libs/contracts';
import { Member, type MemberOptions } from './member.js';

const options = JSON.parse(process.argv[2] ?? '{}') as MemberOptions & { hangAt: number };

await Member.start({
  ...options,
  before: async (batch) => {
    const hangs = batch.events.some(
      (event) => event.is(CycleChangedSchema) && Number(event.body.status) === options.hangAt,
    );
    process.stdout.write(`handling ${batch.events.length}${hangs ? ' and hanging' : ''}\n`);
    if (hangs) await sleep(60_000);
  },
});
process.stdout.write('ready\n');
