# installed tree: see docs
