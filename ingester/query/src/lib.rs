//! A log filter: text to checked form to SQL with bound parameters.
