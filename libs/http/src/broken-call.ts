import type { Socket } from 'node:net';
import { PROBLEM_TYPE, problemOf } from './problem.js';

/**
 * Answers a request that was never complete: its head or body did not arrive in time, or was not valid HTTP. The connection is closed,
 * because the start of the next request on it is unknown.
 */
export function answerBrokenCall(error: { code?: string | undefined }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const problem = problemOf(error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'request_timeout' : 'body_unreadable');
  const body = JSON.stringify(problem);
  if (socket.writable) {
    socket.write(
      `HTTP/1.1 ${problem.status} ${problem.title}\r\ncontent-type: ${PROBLEM_TYPE}\r\n` +
        `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    );
  }
  socket.destroySoon();
}
