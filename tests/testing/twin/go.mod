module twin

go 1.24
