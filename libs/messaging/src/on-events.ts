import { applyDecorators, Catch, SetMetadata, UseFilters, type ExceptionFilter } from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';
import { throwError, type Observable } from 'rxjs';

export interface OnEventsOptions {
  /** Exact name of the consumer group at the broker. */
  readonly group: string;
  /**
   * Ordered: a record that keeps failing parks its key, and later records of the key wait behind it.
   * Unordered: the record goes through the retry topics (10 s, 1 min, 10 min) and then to the dead letters.
   */
  readonly ordered: boolean;
}

export interface Binding extends OnEventsOptions {
  readonly topic: string;
}

/** Key of a handler's binding in its metadata and in Nest's `extras`. */
export const BINDING = 'hezongBinding';

/** Nest would turn every error into "Internal server error"; the pipeline needs the original error to decide. */
@Catch()
export class OriginalErrorFilter implements ExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}

/**
 * Binds a method of a Nest `@Controller()` to a topic. The method receives `@Payload() batch: EventBatch`. Each group and topic has exactly
 * one handler. Guards, pipes and interceptors of the method apply.
 */
export function OnEvents(topic: string, options: OnEventsOptions): MethodDecorator {
  const binding: Binding = { topic, ...options };
  return applyDecorators(
    SetMetadata(BINDING, binding),
    EventPattern(patternOf(binding), { [BINDING]: binding }) as MethodDecorator,
    UseFilters(new OriginalErrorFilter()),
  );
}

/** Two groups of one service may read the same topic, so the topic alone cannot be the pattern. */
export function patternOf(binding: { group: string; topic: string }): string {
  return `${binding.group}|${binding.topic}`;
}
