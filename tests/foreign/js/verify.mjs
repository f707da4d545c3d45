// Checks receipts with the packages that npm itself checks provenance with, and cosignatures with
// node and noble: node verify.mjs LOG-KEY[,WITNESS-KEY...] RECEIPT...
//
// A receipt is a C2SP tlog-proof, which none of these reads: it is taken apart here. Every witness
// whose key is given must have cosigned. Exit status 3 means that a receipt is refused.

import crypto from 'node:crypto'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js'

// The package shows whole bundles only; a receipt is a part of one.
const require = createRequire(import.meta.url)
const sigstore = path.join(path.dirname(require.resolve('@sigstore/verify')), 'tlog')
const { verifyCheckpoint } = require(path.join(sigstore, 'checkpoint.js'))
const { verifyMerkleInclusion } = require(path.join(sigstore, 'merkle.js'))

class Refused extends Error {}

const demand = (holds, why) => {
  if (!holds) throw new Refused(why)
}

// <name>+<key id>+<base64(type || key)>, and base64 has plus signs of its own.
const parseKey = (text) => {
  const [, name, id, key] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(text)
  const bytes = Buffer.from(key, 'base64')
  return { name, id: Buffer.from(id, 'hex'), type: bytes[0], key: bytes.subarray(1) }
}

const ed25519 = (key) =>
  crypto.createPublicKey({
    format: 'der',
    type: 'spki',
    key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key]),
  })

const parseReceipt = (text) => {
  const at = text.indexOf('\n\n')
  const [header, extra, index, ...hashes] = text.slice(0, at).split('\n')
  demand(header === 'c2sp.org/tlog-proof@v1', 'the header')
  return {
    entry: Buffer.from(extra.replace(/^extra /, ''), 'base64'),
    index: index.replace(/^index /, ''),
    hashes: hashes.map((hash) => Buffer.from(hash, 'base64')),
    checkpoint: text.slice(at + 2),
  }
}

// @sigstore/verify finds the key by its id, and the log by a match of names.
const inclusion = (receipt, log) => {
  const tlog = { logID: log.id, baseURL: log.name, publicKey: ed25519(log.key) }
  const entry = {
    canonicalizedBody: receipt.entry,
    inclusionProof: {
      logIndex: receipt.index,
      hashes: receipt.hashes,
      checkpoint: { envelope: receipt.checkpoint },
    },
  }
  verifyMerkleInclusion(entry, verifyCheckpoint(entry, [tlog]))
}

const u64 = (number) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(number))
  return bytes
}

// C2SP tlog-cosignature: type 0x04 signs time and text, type 0x06 the name of the witness too.
const message = (witness, time, text) => {
  if (witness.type === 0x04) {
    return Buffer.from(`cosignature/v1\ntime ${time.readBigUInt64BE()}\n${text}`)
  }
  const [origin, size, root] = text.split('\n')
  const short = (name) => Buffer.concat([Buffer.from([Buffer.byteLength(name)]), Buffer.from(name)])
  return Buffer.concat([
    ...[Buffer.from('subtree/v1\n\0'), short(witness.name), time, short(origin)],
    ...[u64(0), u64(size), Buffer.from(root, 'base64')],
  ])
}

const cosigned = (note, witness) => {
  const at = note.lastIndexOf('\n\n')
  const lines = note.slice(at + 2).trimEnd().split('\n').map((line) => line.split(' '))
  const blobs = lines.filter((line) => line[1] === witness.name).map((line) => Buffer.from(line[2], 'base64'))
  const blob = blobs.find((blob) => blob.subarray(0, 4).equals(witness.id))
  demand(blob, `${witness.name} has not cosigned`)
  const [time, signature] = [blob.subarray(4, 12), blob.subarray(12)]
  const signed = message(witness, time, note.slice(0, at + 1))
  const valid =
    witness.type === 0x04
      ? crypto.verify(null, signed, ed25519(witness.key), signature)
      : ml_dsa44.verify(signature, signed, witness.key)
  demand(valid, `the cosignature of ${witness.name} does not verify`)
}

const [keys, ...receipts] = process.argv.slice(2)
const [log, ...witnesses] = keys.split(',').map(parseKey)
try {
  for (const path of receipts) {
    const receipt = parseReceipt(fs.readFileSync(path, 'utf8'))
    inclusion(receipt, log)
    for (const witness of witnesses) cosigned(receipt.checkpoint, witness)
  }
} catch (error) {
  const refused = error instanceof Refused || error.code === 'TLOG_INCLUSION_PROOF_ERROR'
  console.error(refused ? 'refused:' : 'failed:', error.message)
  process.exit(refused ? 3 : 1)
}
console.log(`${receipts.length} receipts, ${witnesses.length} cosignatures on each`)
