// Prints the vectors of seal_test.go: node testdata/vectors.mjs
import crypto from 'node:crypto';

const hashKey = Buffer.from('0123456789abcdef0123456789abcdef');
const subkey = label => Buffer.from(crypto.hkdfSync('sha256', hashKey, Buffer.alloc(0), label, 32));
const uint64 = n => { const b = Buffer.alloc(8); b.writeBigUInt64BE(BigInt(n)); return b; };
const uint32 = n => { const b = Buffer.alloc(4); b.writeUInt32BE(n); return b; };
const field = text => { const b = Buffer.from(text); return Buffer.concat([uint64(b.length), b]); };

const key = (name, number) => crypto.createHmac('sha256', subkey('id2meta verdictcache v1 person'))
	.update(Buffer.concat([field(name), field(number)])).digest();

const seal = (key, plain) => {
	const nonce = Buffer.from('000102030405060708090a0b', 'hex');
	const cipher = crypto.createCipheriv('aes-256-gcm', subkey('id2meta verdictcache v3 value'), nonce).setAAD(key);
	return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
};

const zhang = key('张三', '11010519491231002X');
for (const b of [
	zhang,
	key('李四', '11010519491231002X'),
	key('6499fc7409049355527ef6a2ba5706b8三', '110105f8817a477938df5a3e7763cadc5a9abb002X'),
	seal(zhang, Buffer.concat([Buffer.from('v1'), uint64(1700000000), uint32(123456789), Buffer.from('D6163397-15C5-419C-9ACC-B7C83E0B4C10')])),
	seal(zhang, Buffer.from('c0123456789abcdef')),
]) console.log(b.toString('hex'));
