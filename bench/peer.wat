;; What the small guest does: one export that answers 42, one page of memory.
(module
  (memory (export "memory") 1)
  (global $calls (mut i32) (i32.const 0))
  (func (export "answer") (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (i32.store (i32.const 16) (global.get $calls))
    (i32.const 42)))
