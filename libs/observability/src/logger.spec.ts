import { Writable } from 'node:stream';
import { NestLogger, createLogger } from './logger.js';
import { contextFromHeaders, runInContext } from './request-context.js';

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

it('writes one object a line, with service and trace, without secrets and contact points', () => {
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

describe('contexts', () => {
  it('replace what is malformed', () => {
    for (const header of [undefined, 'x', '00-zz-1-01', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`]) {
      const context = contextFromHeaders(header, 'has space');
      expect(context.traceId).toMatch(/^[0-9a-f]{32}$/);
      expect(context.traceId).not.toBe('0'.repeat(32));
      expect(context.requestId).toBe(context.traceId);
      expect(context.traceparent).toMatch(new RegExp(`^00-${context.traceId}-[0-9a-f]{16}-01$`));
    }
  });
});
