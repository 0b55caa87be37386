//! A root type whose fields are nullable. A field that fails, for example without its scope, then empties only itself.
//! async-graphql hands the error of a field to the parent, also when the field is nullable. For root fields this would
//! empty the whole answer.

use std::borrow::Cow;

use async_graphql::{
    ContainerType, Context, ContextSelectionSet, ObjectType, OutputType, Positioned, ServerResult, Value,
    parser::types::Field,
    registry::{MetaType, Registry},
    resolver_utils::resolve_container,
};

use crate::app::Commits;

/// The interfaces all of whose objects are nodes. async-graphql has no attribute for it.
const IMPLY_NODE: [&str; 3] = ["Actor", "Contact", "ThreadItem"];

/// The root type `T` with nullable fields.
#[derive(Default)]
pub struct NullableRoot<T>(T);

impl<T: ObjectType> OutputType for NullableRoot<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        let name = T::create_type_info(registry);
        if let Some(MetaType::Object { fields, .. }) = registry.types.get_mut(T::type_name().as_ref()) {
            for field in fields.values_mut() {
                field.ty = field.ty.trim_end_matches('!').to_owned();
            }
        }
        for interface in IMPLY_NODE {
            registry.add_implements(interface, "Node");
        }
        name
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, _: &Positioned<Field>) -> ServerResult<Value> {
        resolve_container(ctx, self).await
    }
}

impl<T: ObjectType> ContainerType for NullableRoot<T> {
    fn is_empty() -> bool {
        T::is_empty()
    }

    async fn resolve_field(&self, ctx: &Context<'_>) -> ServerResult<Option<Value>> {
        match self.0.resolve_field(ctx).await {
            Err(error) => {
                // The events of a failed call must not count for the next one.
                drop(Commits::take_growths());
                ctx.add_error(error);
                Ok(Some(Value::Null))
            }
            resolved => resolved,
        }
    }
}

impl<T: ObjectType> ObjectType for NullableRoot<T> {}
