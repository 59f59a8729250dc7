// What a device has to show before it may write, by listener; and the port to the registry of their keys. Rules [W-39] to [W-42], [W-53].

/**
 * `keys`: HELLO → CHALLENGE → PROOF, then a MAC in each frame. `certificate`: the connection's TLS certificate names the device.
 * `none`: its word.
 */
export type Auth = 'keys' | 'certificate' | 'none';

export interface DeviceKeys {
  /** A device's valid keys, 16 bytes or more each, the newest first; none: it is not known, or was revoked. */
  of(device: string): readonly Uint8Array[];
  /** Called when a key of a device is no longer valid, within a second. */
  onRevoked(listener: (device: string) => void): void;
  /** What keeps a revocation from having an effect, in a line; null: nothing. */
  trouble(): string | null;
}

/** Where no listener asks for one. */
export const noKeys: DeviceKeys = { of: () => [], onRevoked() {}, trouble: () => null };
