package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"interop/note"
)

const (
	kindEd25519     = 0x01
	kindCosignature = 0x04
	kindMLDSA44     = 0x06
)

func open(data []byte, keys []string) (answer, error) {
	opened, err := openNote(data, keys)
	if err != nil {
		return answer{}, err
	}
	found := answer{Text: opened.Text}
	for _, s := range opened.Sigs {
		found.Verified = append(found.Verified, fmt.Sprintf("%s+%08x", s.Name, s.Hash))
	}
	for _, s := range opened.UnverifiedSigs {
		found.Ignored = append(found.Ignored, fmt.Sprintf("%s+%08x", s.Name, s.Hash))
	}
	return found, nil
}

func openNote(data []byte, keys []string) (*note.Note, error) {
	var known []note.Verifier
	for _, key := range keys {
		verifier, err := newVerifier(key)
		if err != nil {
			return nil, err
		}
		known = append(known, verifier)
	}
	return note.Open(data, note.VerifierList(known...))
}

// newVerifier leaves Ed25519 note signatures to Go's package and reads the two cosignature types itself.
func newVerifier(vkey string) (note.Verifier, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, fmt.Errorf("expected a verifier key, got %q", vkey)
	}
	material, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(material) < 2 {
		return nil, fmt.Errorf("expected a type and a public key, got %q", parts[2])
	}
	if material[0] == kindEd25519 {
		return note.NewVerifier(vkey)
	}
	hash := keyHash(parts[0], material)
	if fmt.Sprintf("%08x", hash) != parts[1] {
		return nil, fmt.Errorf("expected key id %08x, got %s", hash, parts[1])
	}
	c := &cosigner{name: parts[0], hash: hash, kind: material[0]}
	switch c.kind {
	case kindCosignature:
		c.ed = ed25519.PublicKey(material[1:])
	case kindMLDSA44:
		if c.ml, err = mldsa.NewPublicKey(mldsa.MLDSA44(), material[1:]); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("expected type 1, 4 or 6, got %d", c.kind)
	}
	return c, nil
}

func keyHash(name string, material []byte) uint32 {
	sum := sha256.Sum256(append([]byte(name+"\n"), material...))
	return binary.BigEndian.Uint32(sum[:4])
}

// cosigner verifies timestamped signatures on checkpoints (https://c2sp.org/tlog-cosignature).
type cosigner struct {
	name string
	hash uint32
	kind byte
	ed   ed25519.PublicKey
	ml   *mldsa.PublicKey
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.hash }

func (c *cosigner) Verify(text, signature []byte) bool {
	if len(signature) < 8 {
		return false
	}
	message, err := cosigned(c.kind, c.name, binary.BigEndian.Uint64(signature), string(text))
	if err != nil {
		return false
	}
	if c.kind == kindCosignature {
		return len(c.ed) == ed25519.PublicKeySize && ed25519.Verify(c.ed, message, signature[8:])
	}
	return mldsa.Verify(c.ml, message, signature[8:], nil) == nil
}

// cosigned is the message under a cosignature.
func cosigned(kind byte, name string, time uint64, text string) ([]byte, error) {
	if kind == kindCosignature {
		return []byte(fmt.Sprintf("cosignature/v1\ntime %d\n%s", time, text)), nil
	}
	tree, err := parseTree(text)
	if err != nil {
		return nil, err
	}
	var m bytes.Buffer
	m.WriteString("subtree/v1\n\x00")
	m.WriteByte(byte(len(name)))
	m.WriteString(name)
	m.Write(binary.BigEndian.AppendUint64(nil, time))
	m.WriteByte(byte(len(tree.origin)))
	m.WriteString(tree.origin)
	m.Write(binary.BigEndian.AppendUint64(nil, 0))
	m.Write(binary.BigEndian.AppendUint64(nil, uint64(tree.size)))
	m.Write(tree.root[:])
	return m.Bytes(), nil
}

type checkpoint struct {
	origin string
	size   int64
	root   [32]byte
}

func parseTree(text string) (checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[0] == "" {
		return checkpoint{}, fmt.Errorf("expected a checkpoint, got %q", text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return checkpoint{}, fmt.Errorf("expected a size, got %q", lines[1])
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != 32 {
		return checkpoint{}, fmt.Errorf("expected a root, got %q", lines[2])
	}
	return checkpoint{lines[0], size, [32]byte(root)}, nil
}

// sign makes a new key of the wanted type and signs the text with it.
func sign(r request) (answer, error) {
	signer, key, err := newSigner(r)
	if err != nil {
		return answer{}, err
	}
	signed, err := note.Sign(&note.Note{Text: r.Text}, signer)
	return answer{Note: signed, Key: key}, err
}

func newSigner(r request) (note.Signer, string, error) {
	if r.Kind == kindEd25519 {
		secret, key, err := note.GenerateKey(rand.Reader, r.Name)
		if err != nil {
			return nil, "", err
		}
		signer, err := note.NewSigner(secret)
		return signer, key, err
	}
	s := &cosigning{name: r.Name, kind: r.Kind, time: r.Time}
	var public []byte
	switch r.Kind {
	case kindCosignature:
		key, secret, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, "", err
		}
		s.make = func(message []byte) ([]byte, error) { return ed25519.Sign(secret, message), nil }
		public = key
	case kindMLDSA44:
		secret, err := mldsa.GenerateKey(mldsa.MLDSA44())
		if err != nil {
			return nil, "", err
		}
		s.make = func(message []byte) ([]byte, error) { return secret.Sign(nil, message, &mldsa.Options{}) }
		public = secret.PublicKey().Bytes()
	default:
		return nil, "", fmt.Errorf("expected type 1, 4 or 6, got %d", r.Kind)
	}
	material := append([]byte{r.Kind}, public...)
	s.hash = keyHash(r.Name, material)
	key := fmt.Sprintf("%s+%08x+%s", r.Name, s.hash, base64.StdEncoding.EncodeToString(material))
	return s, key, nil
}

type cosigning struct {
	name string
	hash uint32
	kind byte
	time uint64
	make func([]byte) ([]byte, error)
}

func (s *cosigning) Name() string    { return s.name }
func (s *cosigning) KeyHash() uint32 { return s.hash }

func (s *cosigning) Sign(text []byte) ([]byte, error) {
	message, err := cosigned(s.kind, s.name, s.time, string(text))
	if err != nil {
		return nil, err
	}
	signature, err := s.make(message)
	return append(binary.BigEndian.AppendUint64(nil, s.time), signature...), err
}
