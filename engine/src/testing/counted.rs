//! Counters that can be added up and told by name.

/// Declares a struct of counters.
macro_rules! counted {
    ($(#[$about:meta])* pub struct $name:ident { $($(#[$doc:meta])* pub $field:ident,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[$doc])* pub $field: u64,)+
        }

        impl $name {
            /// Adds what others have counted.
            pub const fn add(&mut self, others: &Self) {
                $(self.$field += others.$field;)+
            }
        }
    };
}

pub(super) use counted;
