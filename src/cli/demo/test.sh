#!/bin/sh
# Runs with: sh test.sh
. ./paging.sh

failed=0
check() {
    got=$(page_count "$1" "$2" 2>&1)
    if [ "$got" = "$3" ]; then
        echo "ok      page_count $1 $2 = $3"
    else
        echo "FAILED  page_count $1 $2: expected $3, got \"$got\""
        failed=1
    fi
}

check 0 10 0
check 10 10 1
check 11 10 2
exit $failed
