select incarnation, master_key_fingerprint from store where only_row = 1
