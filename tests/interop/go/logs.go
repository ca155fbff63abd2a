package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"interop/tlog"
)

const height = 8 // of a tile: 256 hashes

// checkLog checks an exported log in two ways: as a reader who trusts the checkpoint alone and fetches tiles, and as a
// monitor who hashes every entry and rebuilds every tile.
func checkLog(r request) (answer, error) {
	data, err := os.ReadFile(filepath.Join(r.Folder, "checkpoint"))
	if err != nil {
		return answer{}, err
	}
	opened, err := openNote(data, r.Keys)
	if err != nil {
		return answer{}, err
	}
	tree, err := parseTree(opened.Text)
	if err != nil {
		return answer{}, err
	}
	found := answer{Size: tree.size, Text: opened.Text}
	if found.Tiles, err = rebuild(r.Folder, tree); err != nil {
		return answer{}, err
	}
	found.Proofs, err = proveRecords(r.Folder, tree, r.Records)
	return found, err
}

// rebuild hashes every entry of the bundles into a log of its own and compares each tile with the exported one.
func rebuild(folder string, tree checkpoint) (int, error) {
	stored := make(memory, 0, tlog.StoredHashCount(tree.size))
	for n := int64(0); n < tree.size; {
		entries, err := readBundle(folder, n, tree.size)
		if err != nil {
			return 0, err
		}
		for _, entry := range entries {
			hashes, err := tlog.StoredHashes(n, entry, &stored)
			if err != nil {
				return 0, err
			}
			stored = append(stored, hashes...)
			n++
		}
	}
	root, err := tlog.TreeHash(tree.size, &stored)
	if err != nil {
		return 0, err
	}
	if root != tlog.Hash(tree.root) {
		return 0, fmt.Errorf("the entries give the root %s, the checkpoint says otherwise", root)
	}
	tiles := tlog.NewTiles(height, 0, tree.size)
	for _, tile := range tiles {
		want, err := tlog.ReadTileData(tile, &stored)
		if err != nil {
			return 0, err
		}
		got, err := os.ReadFile(tilePath(folder, tile))
		if err != nil {
			return 0, err
		}
		if !bytes.Equal(got, want) {
			return 0, fmt.Errorf("tile %s: not what the entries give", tile.Path())
		}
	}
	return len(tiles), nil
}

// readBundle reads the entries from n, which must start a bundle, to its end.
func readBundle(folder string, n, size int64) ([][]byte, error) {
	width := min(size-n, 1<<height)
	path := filepath.Join(folder, strings.Replace(tlog.Tile{H: height, L: -1, N: n >> height, W: int(width)}.Path(),
		"tile/8/data/", "tile/entries/", 1))
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for len(data) > 0 {
		if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
			return nil, fmt.Errorf("%s: an entry is cut short", path)
		}
		end := 2 + int(binary.BigEndian.Uint16(data))
		entries, data = append(entries, data[2:end]), data[end:]
	}
	if int64(len(entries)) != width {
		return nil, fmt.Errorf("%s: expected %d entries, got %d", path, width, len(entries))
	}
	return entries, nil
}

// proveRecords lets Go make inclusion proofs from our tiles, and consistency proofs between the records' places.
func proveRecords(folder string, tree checkpoint, records []int64) (int, error) {
	root := tlog.Hash(tree.root)
	reader := tlog.TileHashReader(tlog.Tree{N: tree.size, Hash: root}, &tiles{folder})
	got, err := tlog.TreeHash(tree.size, reader)
	if err != nil {
		return 0, err
	}
	if got != root {
		return 0, fmt.Errorf("the tiles give the root %s, the checkpoint says otherwise", got)
	}
	for _, n := range records {
		entries, err := readBundle(folder, n>>height<<height, tree.size)
		if err != nil {
			return 0, err
		}
		proof, err := tlog.ProveRecord(tree.size, n, reader)
		if err != nil {
			return 0, err
		}
		leaf := tlog.RecordHash(entries[n%(1<<height)])
		if err := tlog.CheckRecord(proof, tree.size, root, n, leaf); err != nil {
			return 0, err
		}
		old, err := tlog.TreeHash(n+1, reader)
		if err != nil {
			return 0, err
		}
		grown, err := tlog.ProveTree(tree.size, n+1, reader)
		if err != nil {
			return 0, err
		}
		if err := tlog.CheckTree(grown, tree.size, root, n+1, old); err != nil {
			return 0, err
		}
	}
	return 2 * len(records), nil
}

// checkProof reads a tlog-proof file (https://c2sp.org/tlog-proof) and checks that the entry is in the log.
func checkProof(r request) (answer, error) {
	head, signed, found := bytes.Cut(r.Proof, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !found || lines[0] != "c2sp.org/tlog-proof@v1" {
		return answer{}, fmt.Errorf("expected a tlog-proof, got %q", lines[0])
	}
	lines = lines[1:]
	if len(lines) > 0 && strings.HasPrefix(lines[0], "extra ") {
		lines = lines[1:]
	}
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "index ") {
		return answer{}, fmt.Errorf("expected an index")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[0], "index "), 10, 64)
	if err != nil {
		return answer{}, err
	}
	var proof tlog.RecordProof
	for _, line := range lines[1:] {
		hash, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(hash) != tlog.HashSize {
			return answer{}, fmt.Errorf("expected a hash, got %q", line)
		}
		proof = append(proof, tlog.Hash(hash))
	}
	opened, err := openNote(signed, r.Keys)
	if err != nil {
		return answer{}, err
	}
	tree, err := parseTree(opened.Text)
	if err != nil {
		return answer{}, err
	}
	err = tlog.CheckRecord(proof, tree.size, tlog.Hash(tree.root), index, tlog.RecordHash(r.Entry))
	return answer{Size: tree.size, Text: opened.Text}, err
}

func checkConsistency(r request) (answer, error) {
	if len(r.OldRoot) != tlog.HashSize || len(r.NewRoot) != tlog.HashSize {
		return answer{}, fmt.Errorf("expected two roots")
	}
	var proof tlog.TreeProof
	for _, hash := range r.Hashes {
		if len(hash) != tlog.HashSize {
			return answer{}, fmt.Errorf("expected hashes of %d bytes", tlog.HashSize)
		}
		proof = append(proof, tlog.Hash(hash))
	}
	return answer{Size: r.NewSize},
		tlog.CheckTree(proof, r.NewSize, tlog.Hash(r.NewRoot), r.OldSize, tlog.Hash(r.OldRoot))
}

// memory is a log's stored hashes, in tlog's own order.
type memory []tlog.Hash

func (m *memory) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(*m)) {
			return nil, fmt.Errorf("no hash %d yet", index)
		}
		found[i] = (*m)[index]
	}
	return found, nil
}

// tiles reads an exported log's tiles; TileHashReader checks each against the signed root.
type tiles struct{ folder string }

func (t *tiles) Height() int                     { return height }
func (t *tiles) SaveTiles([]tlog.Tile, [][]byte) {}
func tilePath(folder string, tile tlog.Tile) string { // Go puts the height into the path, C2SP does not
	return filepath.Join(folder, strings.Replace(tile.Path(), "tile/8/", "tile/", 1))
}

func (t *tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		data, err := os.ReadFile(tilePath(t.folder, tile))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}
