# Paging for a list of items.

# page_count ITEMS SIZE prints how many pages of SIZE items it takes to show ITEMS items.
page_count() {
    echo "not implemented" >&2
    return 1
}
