module gort.test/goleaktest

go 1.22
