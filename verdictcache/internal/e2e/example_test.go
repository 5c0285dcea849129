package e2e

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"os"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
	"github.com/id2meta/id2meta/verdictcache/sqlstore"
)

// A Cache in PostgreSQL. With MariaDB or MySQL it is sql.Open("mysql", …) of
// github.com/go-sql-driver/mysql and sqlstore.MySQL.
func Example_postgreSQL() {
	// 32 random bytes in hexadecimal, as openssl rand -hex 32 prints them.
	hashKey, err := hex.DecodeString(os.Getenv("VERDICT_HASH_KEY"))
	if err != nil {
		fmt.Println("VERDICT_HASH_KEY is not hexadecimal")
		return
	}
	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
	if err != nil {
		fmt.Println("DATABASE_URL is no address of PostgreSQL")
		return
	}
	defer db.Close()
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16) // the default of 2 would open a connection for most verdicts

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	store, err := sqlstore.New(db, sqlstore.PostgreSQL)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := store.CreateTable(ctx); err != nil {
		fmt.Println(err)
		return
	}
	service, err := id2meta.New(id2meta.WithTimeout(5 * time.Second))
	if err != nil {
		fmt.Println(err)
		return
	}
	cache, err := verdictcache.New(service, store, hashKey)
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := cache.Verify(ctx, id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.BizCode, result.Match())
}
