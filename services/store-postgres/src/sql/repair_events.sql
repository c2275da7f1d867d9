update events set xid = '0' where xid <> '0'
