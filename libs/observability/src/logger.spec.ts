import { Writable } from 'node:stream';
import { NestLogger, createLogger } from './logger.js';
import { contextFromHeaders, contextOfEvent, runInContext } from './request-context.js';

function logged(level = 'info'): { lines: Record<string, unknown>[]; logger: NestLogger } {
  const lines: Record<string, unknown>[] = [];
  const destination = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(JSON.parse(chunk.toString()) as Record<string, unknown>);
      done();
    },
  });
  return { lines, logger: new NestLogger(createLogger({ service: 'ledger', level, destination })) };
}

it('writes one object per line, with service and trace, without secrets and contact points', () => {
  const { lines, logger } = logged();
  const context = contextFromHeaders('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', 'till-7');
  runInContext(context, () => {
    logger.pino.info({ phone: '+8613800138000', order: 'A-1' }, 'seen by a@b.example');
    logger.log('started', 'Ledger');
    logger.error(new Error('failed for 13800138000'));
  });
  expect(lines[0]).toMatchObject({
    level: 'info',
    service: 'ledger',
    traceId: '0af7651916cd43dd8448eb211c80319c',
    requestId: 'till-7',
    phone: '[redacted]',
    order: 'A-1',
    msg: 'seen by [email]',
  });
  expect(lines[1]).toMatchObject({ context: 'Ledger', msg: 'started' });
  expect(JSON.stringify(lines)).not.toContain('138001');
  expect(lines[2]).toMatchObject({ level: 'error', err: { message: 'failed for [phone]' } });
});

it('is silent below its level', () => {
  const { lines, logger } = logged('warn');
  logger.log('nothing');
  logger.debug('nothing');
  expect(lines).toEqual([]);
});

it('names the event being handled, and the trace of the request that caused it', () => {
  const { lines, logger } = logged();
  const cause = contextFromHeaders('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', 'till-7');
  runInContext(contextOfEvent(cause.traceparent, 'ev-1'), () => logger.log('handled'));
  expect(lines[0]).toMatchObject({ traceId: cause.traceId, eventId: 'ev-1' });
  expect(lines[0]).not.toHaveProperty('requestId');
});

describe('contexts', () => {
  it('keep the caller’s recording flag', () => {
    for (const [flags, sampled] of [
      ['00', false],
      ['01', true],
      ['03', true],
    ] as const) {
      const context = contextFromHeaders(`00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-${flags}`, undefined);
      expect([context.sampled, context.traceparent.slice(-2)]).toEqual([sampled, sampled ? '01' : '00']);
    }
  });

  it('replace malformed values', () => {
    for (const header of [undefined, 'x', '00-zz-1-01', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`]) {
      const context = contextFromHeaders(header, 'has space');
      expect(context.traceId).toMatch(/^[0-9a-f]{32}$/);
      expect(context.traceId).not.toBe('0'.repeat(32));
      expect(context.requestId).toBe(context.traceId);
      expect(context.traceparent).toMatch(new RegExp(`^00-${context.traceId}-[0-9a-f]{16}-00$`));
    }
  });
});
