export { javaAvailable, type JavaState } from './java.js';
export { startKafka, type KafkaOptions, type KafkaSecurity, type RunningKafka } from './kafka.js';
export { kafkaJars, KAFKA_VERSION } from './kafka-jars.js';
export { startPostgres, type PostgresOptions, type RunningPostgres } from './postgres.js';
export { postgresClients } from './postgres-clients.js';
export { removePostgresData } from './postgres-place.js';
export { freePort, openDoor, portOf } from './port.js';
export { processAlive, waitGone } from './process.js';
