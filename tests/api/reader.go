// Reads a log's tiles with the packages that the Go command reads its checksum database with, and proves each record.
//
// Usage: reader FOLDER VERIFIER-KEY
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

type folder string

func (f folder) Height() int { return height }

func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

// The Go command's own paths name the height as well, which c2sp.org/tlog-tiles fixes.
func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range tiles {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(string(f), path))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

// The records of a tile, each led by its length in two bytes.
func (f folder) records(tile tlog.Tile) ([][]byte, error) {
	path := strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1)
	data, err := os.ReadFile(filepath.Join(string(f), path))
	var found [][]byte
	for err == nil && len(data) > 1 {
		end := 2 + int(data[0])<<8 + int(data[1])
		if end > len(data) {
			return nil, fmt.Errorf("%s is cut short", path)
		}
		found, data = append(found, data[2:end]), data[end:]
	}
	return found, err
}

func tree(signed, key string) (tree tlog.Tree, err error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return tree, err
	}
	opened, err := note.Open([]byte(signed), note.VerifierList(verifier))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(opened.Text, "\n")
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err == nil {
		tree.Hash, err = tlog.ParseHash(lines[2])
	}
	return tree, err
}

func read(log folder, key string) (tlog.Tree, error) {
	signed, err := os.ReadFile(filepath.Join(string(log), "checkpoint"))
	if err != nil {
		return tlog.Tree{}, err
	}
	head, err := tree(string(signed), key)
	if err != nil {
		return head, err
	}
	hashes := tlog.TileHashReader(head, log)
	for n := int64(0); n < head.N; n++ {
		tile := tlog.TileForIndex(height, tlog.StoredHashIndex(0, n))
		if left := head.N - tile.N<<height; left < 1<<height {
			tile.W = int(left)
		} else {
			tile.W = 1 << height
		}
		records, err := log.records(tile)
		if err != nil {
			return head, err
		}
		proof, err := tlog.ProveRecord(head.N, n, hashes)
		if err != nil {
			return head, err
		}
		if err := tlog.CheckRecord(proof, head.N, head.Hash, n, tlog.RecordHash(records[n%(1<<height)])); err != nil {
			return head, fmt.Errorf("record %d: %w", n, err)
		}
		before, err := tlog.TreeHash(n+1, hashes)
		if err != nil {
			return head, err
		}
		grown, err := tlog.ProveTree(head.N, n+1, hashes)
		if err != nil {
			return head, err
		}
		if err := tlog.CheckTree(grown, head.N, head.Hash, n+1, before); err != nil {
			return head, fmt.Errorf("tree of %d: %w", n+1, err)
		}
	}
	return head, nil
}

func main() {
	head, err := read(folder(os.Args[1]), os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(head.N, head.Hash)
}
