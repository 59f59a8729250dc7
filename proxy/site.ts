// Public entry `headwater/site`: a site's configuration, for a program that stands beside its proxy.

export { readKeys } from './auth/registry.js';
export { KeysError } from './auth/registry-file.js';
export { complain } from './complain.js';
export { type Config, type KafkaConfig, readConfig } from './config.js';
export { ConfigError } from './config-file.js';
export { kafkajsSasl } from './kafka/kafkajs-login.js';
export { checkLogin, type LoginSettings, openSecurity } from './kafka/login.js';
