import type { LoggerService } from '@nestjs/common';
import { pino } from 'pino';
import type { DestinationStream, Logger as PinoLogger } from 'pino';
import { redact, redactText } from './redact.js';
import { currentContext } from './request-context.js';

export interface LoggerOptions {
  service: string;
  level: string;
  instance?: number;
  /** Target of the lines; default standard output. */
  destination?: DestinationStream;
}

/**
 * A structured logger: one JSON object per line, with the ids of the current request or event.
 * It removes everything that looks like a secret or a contact point.
 */
export function createLogger(options: LoggerOptions): PinoLogger {
  return pino(
    {
      level: options.level,
      base: { service: options.service, ...(options.instance ? { instance: options.instance } : {}) },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (object) => redact(object) as Record<string, unknown>,
      },
      serializers: { err: (error: unknown) => error },
      mixin: () => {
        const context = currentContext();
        if (context === undefined) return {};
        const { traceId, requestId, eventId } = context;
        return eventId === undefined ? { traceId, requestId } : { traceId, eventId };
      },
      hooks: {
        logMethod(args, method) {
          const cleaned = args.map((arg) => (typeof arg === 'string' ? redactText(arg) : arg));
          method.apply(this, cleaned as Parameters<typeof method>);
        },
      },
    },
    options.destination ?? pino.destination({ fd: 1, sync: false }),
  );
}

/** Nest's messages at every start, one line per module and route: useful only for debugging the start. */
const START_NOISE = new Set(['InstanceLoader', 'NestFactory', 'RouterExplorer', 'RoutesResolver', 'NestApplication']);

export class NestLogger implements LoggerService {
  constructor(readonly pino: PinoLogger) {}

  log(message: unknown, ...rest: unknown[]): void {
    this.write(START_NOISE.has(String(rest.at(-1))) ? 'debug' : 'info', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  /** Nest passes the name of the logging class last and an error's stack before it. */
  private write(
    level: 'info' | 'error' | 'warn' | 'debug' | 'trace' | 'fatal',
    message: unknown,
    rest: unknown[],
  ): void {
    if (!this.pino.isLevelEnabled(level)) return;
    const context = rest.at(-1);
    const details = {
      ...(typeof context === 'string' ? { context } : {}),
      ...(rest.length > 1 ? { details: rest.slice(0, -1) } : {}),
    };
    if (typeof message === 'string') this.pino[level](details, message);
    else this.pino[level]({ ...details, err: message }, 'error');
  }
}
