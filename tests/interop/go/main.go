// Another implementation reads what ours wrote, and writes what ours reads.
//
// One JSON request a line on standard input, one JSON answer a line on standard output. Byte strings are base64. What
// this program knows of signed notes and Merkle trees comes from Go's own sumdb/note and sumdb/tlog, which the test copies
// beside it from the installed toolchain; cosignatures and proof files are read here, from the C2SP specifications.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

type request struct {
	Op      string   `json:"op"`
	Keys    []string `json:"keys"` // verifier keys
	Note    []byte   `json:"note"`
	Name    string   `json:"name"` // of a new key
	Kind    byte     `json:"kind"` // its type: 1, 4 or 6
	Time    uint64   `json:"time"` // of a cosignature
	Text    string   `json:"text"`
	Folder  string   `json:"folder"`  // of an exported log
	Records []int64  `json:"records"` // whose inclusion to prove
	Proof   []byte   `json:"proof"`   // a tlog-proof file
	Entry   []byte   `json:"entry"`
	OldSize int64    `json:"old_size"`
	OldRoot []byte   `json:"old_root"`
	NewSize int64    `json:"new_size"`
	NewRoot []byte   `json:"new_root"`
	Hashes  [][]byte `json:"hashes"`
}

type answer struct {
	Error    string   `json:"error,omitempty"`
	Note     []byte   `json:"note,omitempty"`
	Text     string   `json:"text,omitempty"`
	Key      string   `json:"key,omitempty"`
	Verified []string `json:"verified,omitempty"`
	Ignored  []string `json:"ignored,omitempty"`
	Size     int64    `json:"size"`
	Tiles    int      `json:"tiles"`
	Proofs   int      `json:"proofs"`
}

func perform(r request) (answer, error) {
	switch r.Op {
	case "open":
		return open(r.Note, r.Keys)
	case "sign":
		return sign(r)
	case "log":
		return checkLog(r)
	case "proof":
		return checkProof(r)
	case "consistency":
		return checkConsistency(r)
	}
	return answer{}, fmt.Errorf("expected an operation, got %q", r.Op)
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var r request
		found, err := answer{}, json.Unmarshal(lines.Bytes(), &r)
		if err == nil {
			found, err = perform(r)
		}
		if err != nil {
			found = answer{Error: err.Error()}
		}
		if err := out.Encode(found); err != nil {
			panic(err)
		}
	}
}
